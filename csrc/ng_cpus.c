/* SPDX-License-Identifier: LGPL-3.0-or-later */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#  define _GNU_SOURCE
#endif

#include "ng_cpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#  define WIN32_LEAN_AND_MEAN
#  include <windows.h>
#else
#  include <unistd.h>
#endif
#if defined(__linux__)
#  include <sched.h>
#elif defined(__APPLE__)
#  include <sys/sysctl.h>
#endif

enum { LINE = 4096 };

/* ---- control groups ---------------------------------------------------------------------------------------------- */

/* Reads one line; 0 if there is no such file. */
static int read_line(const char *path, char *line)
{
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    const int ok = fgets(line, LINE, file) != NULL;
    fclose(file);
    return ok;
}

/* The path of our group in the hierarchy of `controller` (v1) or in the unified one ("", v2), from /proc/self/cgroup, whose
 * lines are number:controllers:path. */
static int group_path(const char *root, const char *controller, char *path)
{
    char line[LINE];
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "r");
    if (!file) return 0;
    int found = 0;
    while (!found && fgets(line, sizeof line, file)) {
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) continue;
        *controllers++ = *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        if (controller[0] == '\0') {
            found = controllers[0] == '\0';
        } else {
            for (char *name = strtok(controllers, ","); name && !found; name = strtok(NULL, ",")) {
                found = strcmp(name, controller) == 0;
            }
        }
        if (found) strcpy(path, group);
    }
    fclose(file);
    return found;
}

typedef double (*read_limit)(const char *directory);

/* The smallest limit (0: none) that `read` finds from our group up to the root of the hierarchy. In a container the path
 * may be the host's and not exist here; then its own group is mounted as the root. */
static double smallest_limit(const char *root, const char *mount, const char *controller, read_limit read)
{
    char path[LINE], directory[3 * LINE];
    if (!group_path(root, controller, path)) return 0;
    double smallest = 0;
    for (;;) {
        snprintf(directory, sizeof directory, "%s%s%s", root, mount, strcmp(path, "/") == 0 ? "" : path);
        const double limit = read(directory);
        if (limit > 0 && (smallest == 0 || limit < smallest)) smallest = limit;
        char *slash = strrchr(path, '/');
        if (!slash || path[0] == '\0') return smallest;
        *slash = '\0';
    }
}

static double read_number(const char *directory, const char *name)
{
    char path[4 * LINE], line[LINE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return read_line(path, line) ? strtod(line, NULL) : 0;    /* "max", "-1": no limit */
}

static double cpus_v2(const char *directory)
{
    char path[4 * LINE], line[LINE];
    double quota, period;
    snprintf(path, sizeof path, "%s/cpu.max", directory);
    if (!read_line(path, line) || sscanf(line, "%lf %lf", &quota, &period) != 2 || period <= 0) return 0;
    return quota / period;
}

static double cpus_v1(const char *directory)
{
    const double quota = read_number(directory, "cpu.cfs_quota_us");
    const double period = read_number(directory, "cpu.cfs_period_us");
    return quota > 0 && period > 0 ? quota / period : 0;
}

static double memory_v2(const char *directory) { return read_number(directory, "memory.max"); }
static double memory_v1(const char *directory) { return read_number(directory, "memory.limit_in_bytes"); }

double ng_cgroup_cpus(const char *root)
{
    const double unified = smallest_limit(root, "/sys/fs/cgroup", "", cpus_v2);
    return unified > 0 ? unified : smallest_limit(root, "/sys/fs/cgroup/cpu", "cpu", cpus_v1);
}

int64_t ng_cgroup_memory(const char *root)
{
    double limit = smallest_limit(root, "/sys/fs/cgroup", "", memory_v2);
    if (limit <= 0) limit = smallest_limit(root, "/sys/fs/cgroup/memory", "memory", memory_v1);
    return limit > 0 && limit < 9e18 ? (int64_t)limit : 0;    /* v1 says "none" by a number near 2^63 */
}

/* ---- the machine ------------------------------------------------------------------------------------------------- */

int ng_usable_cpus(void)
{
#if defined(_WIN32)
    DWORD_PTR ours, all;
    int n = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &ours, &all)) {
        for (; ours; ours &= ours - 1) n++;
    }
    return n;
#else
#  if defined(__linux__)
    /* The mask must be as large as the kernel's, which is not known beforehand. */
    for (size_t most = 1024; most <= 1 << 20; most *= 4) {
        cpu_set_t *set = CPU_ALLOC(most);
        if (!set) break;
        const int n = sched_getaffinity(0, CPU_ALLOC_SIZE(most), set) == 0 ? CPU_COUNT_S(CPU_ALLOC_SIZE(most), set) : 0;
        CPU_FREE(set);
        if (n > 0) return n;
    }
#  endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
#endif
}

/* A positive number, or 0. OMP_NUM_THREADS may be a list of one number per level of nesting: the first counts. */
static int number_from_environment(const char *name, int list)
{
    const char *text = getenv(name);
    if (!text) return 0;
    char *end;
    const long n = strtol(text, &end, 10);
    while (end != text && (*end == ' ' || *end == '\t')) end++;
    const int ok = end != text && (*end == '\0' || (list && *end == ','));
    return !ok || n <= 0 ? 0 : n < 1 << 20 ? (int)n : 1 << 20;
}

int ng_default_threads(void)
{
    int threads = ng_usable_cpus();
    const double quota = ng_cgroup_cpus("");
    if (quota > 0 && quota < threads) threads = (int)quota + (quota > (int)quota);
    int asked = number_from_environment("NANOGRAD_NUM_THREADS", 0);
    if (asked == 0) asked = number_from_environment("OMP_NUM_THREADS", 1);
    if (asked > 0 && asked < threads) threads = asked;
    return threads > 0 ? threads : 1;
}

int64_t ng_memory_limit(void)
{
    int64_t bytes = 0;
#if defined(_WIN32)
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    if (GlobalMemoryStatusEx(&status)) bytes = (int64_t)status.ullTotalPhys;
#elif defined(__APPLE__)
    size_t size = sizeof bytes;
    if (sysctlbyname("hw.memsize", &bytes, &size, NULL, 0) != 0) bytes = 0;
#else
    bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
#endif
    if (bytes <= 0) bytes = (int64_t)1 << 30;
    const int64_t group = ng_cgroup_memory("");
    return group > 0 && group < bytes ? group : bytes;
}
