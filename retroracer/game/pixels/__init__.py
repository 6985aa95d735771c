"""CarRacing by hand and beside a driver from pixels."""
