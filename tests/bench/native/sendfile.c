/* Copyright (c) 2026, the renderops.vray_swarm contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/* The limit: the same upload by nothing but sendfile(2): sendfile ADDRESS PORT FILE
 *
 * Prints the seconds and the seconds of CPU from connect to answer as JSON. It has no limits, hears no early answer and
 * does not notice a file that changes.
 */

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BOUNDARY "vray-swarm-0123456789abcdef0123456789abcdef"
#define PART "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"queued\"\r\n\r\nfalse\r\n--" BOUNDARY \
             "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"vray.tar\"\r\n" \
             "Content-Type: application/octet-stream\r\n\r\n"
#define TAIL "\r\n--" BOUNDARY "--\r\n"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct stat status;
    if (argc != 4 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
        return 2;
    address.sin_port = htons(atoi(argv[2]));
    double started = now(), worked = cpu();
    int file = open(argv[3], O_RDONLY), sock = socket(AF_INET, SOCK_STREAM, 0);
    if (file < 0 || fstat(file, &status) != 0 || connect(sock, (struct sockaddr *)&address, sizeof address) != 0)
        return 1;
    char head[2048], answer[4096];
    int size = snprintf(head, sizeof head,
                        "POST /api/vray/upload HTTP/1.1\r\nHost: %s\r\nContent-Type: multipart/form-data; boundary=" BOUNDARY
                        "\r\nContent-Length: %lld\r\n\r\n" PART,
                        argv[1], (long long)(strlen(PART) + status.st_size + strlen(TAIL)));
    if (send(sock, head, size, MSG_MORE) != size)
        return 1;
    off_t offset = 0;
    while (offset < status.st_size)
        if (sendfile(sock, file, &offset, status.st_size - offset) <= 0)
            return 1;
    if (send(sock, TAIL, strlen(TAIL), 0) < 0 || recv(sock, answer, sizeof answer, 0) < 12 ||
        strncmp(answer, "HTTP/1.1 200", 12) != 0)
        return 1;
    printf("{\"wall\": %.6f, \"cpu\": %.6f}\n", now() - started, cpu() - worked);
    return 0;
}
