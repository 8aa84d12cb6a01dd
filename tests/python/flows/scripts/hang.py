"""A rank that says so and does nothing."""

import time

print("a rank hangs", flush=True)
time.sleep(120)
