"""Runs supervisord and tells its programs, by environment, whose children they are; `estate.argv` names it.

`launch.py --parent` needs that number: a program that is started while its supervisord is being killed would
else outlive it. Run by path with `-I`, in any working directory.
"""

import os

from supervisor.supervisord import main

if __name__ == "__main__":
    os.environ["SUPERVISORD_PID"] = str(os.getpid())
    main()
