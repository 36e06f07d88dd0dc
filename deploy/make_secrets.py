"""`python3 deploy/make_secrets.py smtp://user:password@host:587`: the files that deploy/compose.yaml hands to its services. What is there stays."""

import base64
import os
import secrets
import sys
from pathlib import Path

# Readable by the image's user (10001), to whom no other user of this host corresponds.
FOLDER, MODE = Path(__file__).resolve().parent / "secrets", 0o644


def main(smtp_url: str) -> None:
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    keep("postgres_password", secrets.token_urlsafe(32))
    owner = keep("owner_password", secrets.token_urlsafe(32))
    application = keep("application_password", secrets.token_urlsafe(32))
    keep("database_owner_url", f"postgresql://einstein_owner:{owner}@postgres:5432/einstein")
    keep("database_url", f"postgresql://einstein_app:{application}@postgres:5432/einstein")
    keep("secret_key", secrets.token_urlsafe(50))
    keep("secret_store_keys", base64.urlsafe_b64encode(os.urandom(32)).decode())
    keep("smtp_url", smtp_url)


def keep(name: str, value: str) -> str:
    path = FOLDER / name
    if not path.exists():
        path.write_text(value)
        path.chmod(MODE)
    return path.read_text()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
