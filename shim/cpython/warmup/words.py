"""What the words of GCFREEZE_WARMUP mean: pages and functions."""


class Page:
    def __init__(self, word):
        self.word = word
        self.scheme, separator, rest = word.partition("://")
        if not separator:
            self.scheme, rest = "http", "localhost" + word
        self.host, slash, target = rest.partition("/")
        self.target = "/" + target.partition("#")[0]
        path, _, self.query = self.target.partition("?")
        self.path = unquoted(path)  # bytes
        self.name, _, port = self.host.partition(":")
        self.port = port or PORTS.get(self.scheme, "")
        if self.scheme not in PORTS or not self.name or not self.port.isdigit() or not word.isascii():
            raise ValueError
        if word.split() != [word]:
            raise ValueError  # a line of a file


class Function:
    def __init__(self, word):
        self.word = word
        self.module, colon, self.function = word.partition(":")
        names = self.module.split(".") + self.function.split(".")
        if not colon or not all(name.isidentifier() for name in names):
            raise ValueError


def unquoted(path):
    first, *rest = path.encode("ascii").split(b"%")
    for part in rest:
        byte = bytes.fromhex(part[:2].decode())
        if len(byte) != 1:
            raise ValueError
        first += byte + part[2:]
    return first


def item_of(word):
    return Page(word) if word.startswith("/") or "://" in word else Function(word)


def lines_of(path):
    with io.open(path, encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    return [line for line in lines if line and not line.startswith("#")]


def items_of(words):
    """Pages and functions, and how many words are bad: those get a line and are left out."""
    found, bad = [], 0
    for word in words.split():
        try:
            found += lines_of(word[1:]) if word.startswith("@/") else [word]
        except (OSError, ValueError) as error:
            bad += 1
            tell('GCFREEZE_WARMUP: "%s" cannot be read and is left out: %s' % (shown(word), shown(error)))
    items = []
    for word in found:
        try:
            items.append(item_of(word))
        except ValueError:
            bad += 1
            tell(
                'GCFREEZE_WARMUP: "%s" is not allowed and is left out; allowed: /path, http://host/path, '
                "module:function, @/file" % shown(word)
            )
    return items, bad
