"""A browser in plain words, from what it says of itself."""

# The first that is found names it: most browsers also claim to be those below them.
BROWSERS = [
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
]  # fmt: skip
SYSTEMS = [
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Macintosh", "Mac"), ("CrOS", "Chromebook"), ("Linux", "Linux"),
]  # fmt: skip


def browser_words(agent: str) -> str:
    """Such as "Firefox on Windows"; a program by its own first word."""
    browser, system = _first(BROWSERS, agent), _first(SYSTEMS, agent)
    if browser:
        return f"{browser} on {system}" if system else browser
    return f"A program ({agent.split('/')[0][:40]})" if agent.strip() else "Unknown browser"


def _first(known: list[tuple[str, str]], agent: str) -> str:
    return next((name for mark, name in known if mark in agent), "")
