/* Copyright (c) 2026, the renderops.vray_swarm contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

/* A peer that throws away what it is sent: sink ADDRESS PORT
 *
 * It answers as Swarm does: to the question with false, to an upload with ExistingUR, once the whole body was read. The
 * body is discarded by the kernel (MSG_TRUNC, see tcp(7)), so that the sink costs as little as a sink can.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEP (8 << 20)
#define HEAD 65536

static const char EXISTING[] = "{\"ExistingUR\": {\"message\": \"V-Ray version already exists\", \"tmpFile\": \"/tmp/sink.buf\","
                               " \"uploadedVrayVersion\": {\"_revHash\": \"e8197af2\", \"_ver\": {\"_major\": 6,"
                               " \"_minor\": 20, \"_release\": 10}}}}";

static int send_all(int connection, const char *data, size_t size) {
    while (size > 0) {
        ssize_t sent = send(connection, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return 0;
        data += sent;
        size -= sent;
    }
    return 1;
}

static int answer(int connection, const char *body) {
    char text[1024];
    int size = snprintf(text, sizeof text,
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s",
                        strlen(body), body);
    return send_all(connection, text, size);
}

static void *serve(void *argument) {
    int connection = (int)(intptr_t)argument, one = 1;
    char *head = malloc(HEAD + 1);
    size_t known = 0;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (head != NULL) {
        char *end = NULL;
        for (;;) {
            head[known] = 0;
            end = strstr(head, "\r\n\r\n");
            if (end != NULL || known == HEAD)
                break;
            ssize_t got = recv(connection, head + known, HEAD - known, 0);
            if (got <= 0)
                goto over;
            known += got;
        }
        if (end == NULL)
            break;
        *end = 0;
        int post = strncmp(head, "POST ", 5) == 0;
        char *length = strcasestr(head, "\r\nContent-Length:");
        unsigned long long left = length ? strtoull(length + 17, NULL, 10) : 0;
        /* curl asks whether it may, and waits for a second. */
        if (strcasestr(head, "\r\nExpect:") && !send_all(connection, "HTTP/1.1 100 Continue\r\n\r\n", 25))
            break;
        size_t consumed = end + 4 - head, extra = known - consumed;
        if (extra > left)
            break;
        left -= extra;
        known = 0;
        while (left > 0) {
            ssize_t got = recv(connection, NULL, left < STEP ? left : STEP, MSG_TRUNC);
            if (got <= 0)
                goto over;
            left -= got;
        }
        if (!answer(connection, post ? EXISTING : "false"))
            break;
    }
over:
    free(head);
    close(connection);
    return NULL;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (argc != 3 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
        return 2;
    address.sin_port = htons(atoi(argv[2]));
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 512) != 0) {
        perror("sink");
        return 1;
    }
    puts("listening");
    fflush(stdout);
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        pthread_t thread;
        if (connection >= 0 && pthread_create(&thread, NULL, serve, (void *)(intptr_t)connection) == 0)
            pthread_detach(thread);
    }
}
