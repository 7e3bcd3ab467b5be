/* Copyright (c) 2026, the renderops.vray_swarm contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/* Run a command and say what it cost: measure LIMIT_MIB FILE COMMAND...
 *
 * FILE gets a JSON object: seconds from fork to end, seconds of CPU, KiB at the peak of its largest process, status.
 * A process counts the peak of the one it was forked from as its own (ru_maxrss): so the parent is a small one.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    rlim_t limit = strtoull(argv[1], NULL, 10) << 20;
    double started = now();
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit address_space = {limit, limit};
        if (limit && setrlimit(RLIMIT_AS, &address_space) != 0)
            _exit(126);
        execvp(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
        return 1;
    double ended = now();
    FILE *file = fopen(argv[2], "w");
    if (file == NULL)
        return 1;
    fprintf(file, "{\"wall\": %.6f, \"cpu\": %.6f, \"peak\": %ld, \"status\": %d}\n", ended - started,
            seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss,
            WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return fclose(file) != 0;
}
