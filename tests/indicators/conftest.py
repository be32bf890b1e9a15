import sys
from pathlib import Path

# importmode=importlib leaves the test folder off the path; the made frames live beside the tests
sys.path.insert(0, str(Path(__file__).parent))
