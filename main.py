"""The demo: penguins, from a file to a verdict."""

import deepwright

run = deepwright.fit("penguins", target="species", time="60s")
print(run.verdict)
