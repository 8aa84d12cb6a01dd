/* A stand-in for NVIDIA's libnvidia-ml.so.1, for tests on machines without a GPU: two devices, which the real pynvml
 * loads. Who is on a device says so by a file "DEVICE.PID.GIGABYTES.PERCENT" in the folder that NVML_STUB names.
 * Structs and names are those of nvml.h; only what gangway calls is here. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SUCCESS = 0, INVALID_ARGUMENT = 2, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };
enum { DEVICES = 2, MOST = 64 };

typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned pid; unsigned long long memory; unsigned instance, compute; } Process;
typedef struct { unsigned pid; unsigned long long at; unsigned sm, memory, encoder, decoder; } Sample;
typedef struct { unsigned pid, gigabytes, percent; } User;

static int devices[DEVICES] = {0, 1};

static unsigned users(const int *device, User found[MOST]) {
    const char *name = getenv("NVML_STUB");
    DIR *folder = name ? opendir(name) : NULL;
    unsigned count = 0, on;
    for (struct dirent *file; folder && count < MOST && (file = readdir(folder));) {
        User *user = &found[count];
        if (sscanf(file->d_name, "%u.%u.%u.%u", &on, &user->pid, &user->gigabytes, &user->percent) == 4 &&
            (int)on == *device)
            count++;
    }
    if (folder) closedir(folder);
    return count;
}

static unsigned long long now(void) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    return at.tv_sec * 1000000ULL + at.tv_nsec / 1000;
}

int nvmlInitWithFlags(unsigned flags) { return (void)flags, SUCCESS; }
int nvmlInit_v2(void) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return code == NOT_FOUND ? "Not Found" : "Stub Error"; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, int **device) {
    if (index >= DEVICES) return INVALID_ARGUMENT;
    *device = &devices[index];
    return SUCCESS;
}

int nvmlDeviceGetName(int *device, char *name, unsigned size) {
    return (void)device, snprintf(name, size, "Stub GPU"), SUCCESS;
}

int nvmlDeviceGetUtilizationRates(int *device, Utilization *rates) {
    User found[MOST];
    memset(rates, 0, sizeof *rates);
    for (unsigned i = 0, n = users(device, found); i < n; i++) rates->gpu += found[i].percent;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo(int *device, Memory *memory) {
    User found[MOST];
    memory->total = 80000000000ULL;
    memory->used = 1000000000ULL; /* the driver's own */
    for (unsigned i = 0, n = users(device, found); i < n; i++) memory->used += found[i].gigabytes * 1000000000ULL;
    memory->free = memory->total - memory->used;
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(int *device, unsigned *count, Process *processes) {
    User found[MOST];
    unsigned n = users(device, found);
    if (n > *count || !processes) return *count = n, n ? INSUFFICIENT_SIZE : SUCCESS;
    for (unsigned i = 0; i < n; i++)
        processes[i] = (Process){found[i].pid, found[i].gigabytes * 1000000000ULL, ~0u, ~0u};
    return *count = n, SUCCESS;
}

/* As the real one: more room is asked for than is used, the rest stays empty. */
int nvmlDeviceGetProcessUtilization(int *device, Sample *samples, unsigned *count, unsigned long long since) {
    User found[MOST];
    unsigned n = users(device, found);
    if (since >= now() || !n) return NOT_FOUND;
    if (!samples || *count < n) return *count = MOST, INSUFFICIENT_SIZE;
    for (unsigned i = 0; i < n; i++) samples[i] = (Sample){found[i].pid, now(), found[i].percent, 0, 0, 0};
    return *count = n, SUCCESS;
}
