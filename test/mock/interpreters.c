/* Interpreters, and thread states that are made to visit them. The list starts with the newest one
 * and ends with the main one. MOCK_ISOLATED: the newest has a GIL of its own. */
#include <stdlib.h>

#include "exports.h"
#include "python.h"

enum { MOST = 8 };
static char places[MOST];

static gf_interpreter *at(int index) {
    return (gf_interpreter *)&places[index];
}

static int index_of(gf_interpreter *interpreter) {
    long index = (char *)interpreter - places;
    if (index < 0 || index >= mock.interpreters)
        mock_die("an interpreter that does not exist");
    return (int)index;
}

gf_interpreter *PyInterpreterState_Head(void) {
    bool found = mock_called(CALL_PyInterpreterState_Head) && mock.interpreters > 0;
    return found ? at(mock.interpreters - 1) : NULL;
}

gf_interpreter *PyInterpreterState_Next(gf_interpreter *interpreter) {
    mock_called(CALL_PyInterpreterState_Next);
    return index_of(interpreter) > 0 ? at(index_of(interpreter) - 1) : NULL;
}

gf_interpreter *PyInterpreterState_Main(void) {
    mock_called(CALL_PyInterpreterState_Main);
    return at(0);
}

static bool shares_gil(gf_interpreter *interpreter) {
    return !getenv("MOCK_ISOLATED") || index_of(interpreter) < mock.interpreters - 1;
}

int _PyInterpreterState_HasFeature(gf_interpreter *interpreter, unsigned long feature) {
    enum { USE_MAIN_OBMALLOC = 1 << 5, MULTI_INTERP_EXTENSIONS = 1 << 8 };
    mock_called(CALL__PyInterpreterState_HasFeature);
    unsigned long features = shares_gil(interpreter) ? USE_MAIN_OBMALLOC : MULTI_INTERP_EXTENSIONS;
    return (features & feature) != 0;
}

int _PyInterpreterConfig_InitFromState(struct gf_interpreter_config *config,
                                       gf_interpreter *interpreter) {
    config->gil = shares_gil(interpreter) ? 1 : 2;
    return mock_called(CALL__PyInterpreterConfig_InitFromState) ? 0 : -1;
}

/* ---- thread states for visits ---- */

static struct {
    gf_interpreter *interpreter; /* NULL: free */
    bool cleared;
} made[MOST];

static long made_index(gf_thread *thread) {
    long index = ((char *)thread - (char *)made) / (long)sizeof *made;
    return index >= 0 && index < MOST ? index : -1;
}

gf_thread *PyThreadState_New(gf_interpreter *interpreter) {
    if (!mock_called(CALL_PyThreadState_New))
        return NULL;
    for (int i = 0; i < MOST; i++) {
        if (made[i].interpreter)
            continue;
        made[i].interpreter = interpreter;
        made[i].cleared = false;
        return (gf_thread *)&made[i];
    }
    mock_die("thread states are made and never deleted");
}

gf_interpreter *PyThreadState_GetInterpreter(gf_thread *thread) {
    mock_called(CALL_PyThreadState_GetInterpreter);
    return made_index(thread) >= 0 ? made[made_index(thread)].interpreter
                                   : at(mock_thread_interpreter(thread));
}

gf_thread *PyThreadState_Swap(gf_thread *thread) {
    mock_called(CALL_PyThreadState_Swap);
    return mock_thread_swap(thread);
}

void PyThreadState_Clear(gf_thread *thread) {
    mock_called(CALL_PyThreadState_Clear);
    if (mock_thread_current() != thread)
        mock_die("a thread state is cleared from another interpreter");
    made[made_index(thread)].cleared = true;
}

void PyThreadState_Delete(gf_thread *thread) {
    mock_called(CALL_PyThreadState_Delete);
    if (mock_thread_current() == thread || !made[made_index(thread)].cleared)
        mock_die("a thread state is deleted that is in use");
    made[made_index(thread)].interpreter = NULL;
}
