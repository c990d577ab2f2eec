"""``python -m modpart.demo`` writes the report."""

from modpart.demo import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
