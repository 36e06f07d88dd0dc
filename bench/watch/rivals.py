"""x"""
def compare(seed, quick): pass
