"""``python -m react_agent``: the command line."""

from react_agent.cli import main

if __name__ == "__main__":
    main()
