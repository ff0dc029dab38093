#include <fcgiapp.h>
#include <stdlib.h>
#include <string.h>

static const char *param(FCGX_Request *request, const char *name)
{
    const char *value = FCGX_GetParam(name, request->envp);
    return value ? value : "";
}

/* Reads to the end that the library reports. */
static void echo(FCGX_Request *request)
{
    char *body = NULL;
    size_t length = 0;
    int read;
    do {
        body = realloc(body, length + 65536);
        read = FCGX_GetStr(body + length, 65536, request->in);
        length += read;
    } while (read > 0);
    if (FCGX_GetError(request->in) != 0) {
        FCGX_FPrintF(request->out, "Status: 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nincomplete");
    } else {
        FCGX_FPrintF(request->out, "Content-Type: application/octet-stream\r\n\r\n");
        FCGX_PutStr(body, length, request->out);
    }
    free(body);
}

int main(int argc, char **argv)
{
    FCGX_Request request;
    if (argc < 2 || FCGX_Init() != 0)
        return 1;
    FCGX_InitRequest(&request, FCGX_OpenSocket(argv[1], 100), 0);
    while (FCGX_Accept_r(&request) >= 0) {
        if (strcmp(param(&request, "REQUEST_URI"), "/echo") == 0)
            echo(&request);
        else
            FCGX_FPrintF(request.out, "Content-Type: text/plain\r\n\r\n%s %s %s\n", param(&request, "REQUEST_METHOD"),
                         param(&request, "REQUEST_URI"), param(&request, "HTTP_HOST"));
    }
    return 0;
}
