"""What a workspace has a limit of. Each room keeps its own kinds in a folder of this name; the file is the registration."""
