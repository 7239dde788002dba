"""What the application and its client both know about the data."""

ITEMS = 200_000
COLORS = "red green blue black white yellow brown grey".split()
THINGS = "lamp chair table shelf bed desk clock mirror vase rug".split()
WORDS = [color + "-" + thing for color in COLORS for thing in THINGS]
