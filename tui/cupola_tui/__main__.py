import sys

from cupola_tui.commands import main

sys.exit(main())
