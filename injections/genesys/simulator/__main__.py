"""Run the simulator without Django: `python -m injections.genesys.simulator`."""

import argparse
import sys

from injections.genesys.simulator.options import add_arguments, options_from
from injections.genesys.simulator.server import run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="simulator", description="Simulate a Genesys Cloud contact centre.")
    add_arguments(parser)
    sys.exit(run(options_from(vars(parser.parse_args()))))
