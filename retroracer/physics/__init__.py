"""Cars, the kernel (the only equations of motion), and races of N cars on tracks."""
