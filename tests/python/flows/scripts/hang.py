"""A rank that says so and does nothing."""

import time

print("a rank hangs", flush=True)
# Of lines that come at once Metaflow shows the second with the next one only.
time.sleep(1)
print("and waits", flush=True)
time.sleep(120)
