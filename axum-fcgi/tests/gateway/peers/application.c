/* What the tests of FastCgi ask the C library for: one request at a time, on connections that are kept. */
#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    static char piece[65536];
    FCGX_Request request;
    if (argc < 2 || FCGX_Init() != 0) return 1;
    int socket = FCGX_OpenSocket(argv[1], 16);
    if (socket < 0 || FCGX_InitRequest(&request, socket, 0) != 0) return 1;
    while (FCGX_Accept_r(&request) == 0) {
        const char *query = FCGX_GetParam("QUERY_STRING", request.envp);
        if (query == NULL) query = "";
        if (strcmp(query, "what=count") == 0) {
            long count = 0;
            int got;
            while ((got = FCGX_GetStr(piece, sizeof piece, request.in)) > 0) count += got;
            FCGX_FPrintF(request.out, "Content-Type: text/plain\r\n\r\nCOUNT=%ld\n", count);
        } else if (strcmp(query, "what=large") == 0) {
            FCGX_PutS("\r\n", request.out);
            memset(piece, 0, sizeof piece);
            for (int i = 0; i < 320; i++) FCGX_PutStr(piece, sizeof piece, request.out);
        } else if (strcmp(query, "what=early") == 0) {
            FCGX_PutS("Status: 403 Forbidden\r\n\r\nno", request.out);
        } else if (strcmp(query, "what=local") == 0) {
            FCGX_PutS("Location: /app/there?x=y\r\n\r\n", request.out);
        } else if (strcmp(query, "what=stderr") == 0) {
            FCGX_PutS("a line for the log\n", request.err);
            FCGX_PutS("\r\nlogged", request.out);
        } else {
            FCGX_PutS("Content-Type: text/plain\r\n\r\n", request.out);
            for (char **name = request.envp; *name != NULL; name++) FCGX_FPrintF(request.out, "%s\n", *name);
        }
        FCGX_Finish_r(&request);
    }
    return 0;
}
