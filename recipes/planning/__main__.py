import sys

from recipes.planning.table import main

sys.exit(main())
