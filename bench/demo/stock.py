"""What the application and its client both know about the data."""

ITEMS = 200_000
WORDS = [
    color + "-" + thing
    for color in ("red", "green", "blue", "black", "white", "yellow", "brown", "grey")
    for thing in ("lamp", "chair", "table", "shelf", "bed", "desk", "clock", "mirror", "vase", "rug")
]
