"""Measures of colours: how light they are, and how well two can be told apart."""

from __future__ import annotations

from retroracer.render.palette import Colour


def lightness(colour: Colour) -> float:
    """Perceived lightness, 0 black to 1 white (gamma-encoded Rec. 709 luma)."""
    r, g, b = colour
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255.0


def luminance(colour: Colour) -> float:
    """Relative luminance, 0 black to 1 white (WCAG 2.2, from linear sRGB)."""
    parts = (c / 255.0 for c in colour)
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(a: Colour, b: Colour) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)
