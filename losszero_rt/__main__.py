"""``python -m losszero_rt``: the same as the ``losszero-rt`` command."""

from losszero_rt.cli import main

if __name__ == "__main__":
    main()
