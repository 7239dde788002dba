#include "cpython/watch.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cpython/interpreter.h"
#include "pages/arenas.h"
#include "process/loader.h"

/* What stood in the interpreter before us: its own functions. */
static struct gf_arena_allocator below;

static void *allocate(void *context, size_t size) {
    (void)context;
    void *arena = below.allocate(below.context, size);
    if (arena)
        gf_arenas_add(arena, size);
    return arena;
}

static void release(void *context, void *arena, size_t size) {
    (void)context;
    gf_arenas_remove(arena);
    below.release(below.context, arena, size);
}

static const void *function_address(void *(*function)(void *, size_t)) {
    void *address;
    memcpy(&address, &function, sizeof address);
    return address;
}

static const void *interpreter_object(void) {
    const char *(*version)(void) = gf_python.api.Py_GetVersion;
    void *address;
    memcpy(&address, &version, sizeof address);
    return gf_loader_object_of(address, NULL);
}

/* Arenas may be private mappings of sealed copies only if they are plain memory: what the
 * interpreter's own functions map (Objects/obmalloc.c). They may be asked for and set at any time,
 * before initialization too (documented, and measured on 3.10 to 3.12). */
bool gf_watch_arenas(void) {
    const struct gf_api *api = &gf_python.api;
    struct gf_arena_allocator now = {0};
    if (!api->PyObject_GetArenaAllocator || !api->PyObject_SetArenaAllocator ||
        gf_python.free_threaded) /* its allocator has no arenas */
        return false;
    api->PyObject_GetArenaAllocator(&now);
    if (now.allocate == allocate)
        return true;
    gf_arenas_forget(); /* whoever is there now frees arenas without telling us */
    const void *interpreter = interpreter_object();
    if (!interpreter || gf_loader_object_of(function_address(now.allocate), NULL) != interpreter ||
        !gf_arenas_open())
        return false;
    below = now;
    struct gf_arena_allocator ours = {NULL, allocate, release};
    api->PyObject_SetArenaAllocator(&ours);
    return true;
}

void gf_watch_reset(void) {
    gf_arenas_forget();
}

/* The interpreter's own code, and extension modules that wait in Py_BEGIN_ALLOW_THREADS, by the
 * start of their file names. Debian builds some of them into the interpreter. A program that was
 * linked with the interpreter is not the interpreter. */
bool gf_watch_waits_for_python(const void *code) {
    static const char *const waiting[] = {"select.",   "_socket.",   "loop.",
                                          "corecext.", "_corecffi.", "_multiprocessing.",
                                          "_billiard."};
    const struct gf_landmarks *landmarks = &gf_python.landmarks;
    const char *name = NULL;
    if ((uintptr_t)code - landmarks->code < landmarks->code_size)
        return true;
    const void *object = gf_loader_object_of(code, &name);
    const char *slash = object && name ? strrchr(name, '/') : NULL;
    for (size_t i = 0; slash && i < sizeof waiting / sizeof *waiting; i++) {
        if (strncmp(slash + 1, waiting[i], strlen(waiting[i])) == 0)
            return true;
    }
    return false;
}

/* uWSGI's threads wait for a connection in this function (core/event.c), each in a state of its own
 * (plugins/python/python_plugin.c, uwsgi_python_init_thread) and after UWSGI_RELEASE_GIL; one of
 * them holds the thunder lock (core/utils.c, wsgi_req_accept), which no other thread takes while it
 * has the interpreter. 2.0 to 2.0.31. A thread without a state is none that serves requests. */
bool gf_watch_waits_in_host(const void *code) {
    if (!gf_python.version || gf_python.version->current_is_own ||
        !gf_python.api.PyGILState_GetThisThreadState ||
        !gf_python.api.PyGILState_GetThisThreadState())
        return false;
    const char *function = gf_loader_function_of(code);
    return function && strcmp(function, "event_queue_wait") == 0;
}
