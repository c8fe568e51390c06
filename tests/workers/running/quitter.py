"""A handler whose import ends the process, unless somebody is in its way."""

import sys

sys.exit("no licence")
