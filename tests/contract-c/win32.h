/* What windows_tests.c asks of windows.c besides system.h. */
#ifndef WIN32_H
#define WIN32_H

#include <windows.h>

#include <stdbool.h>

/* A name in UTF-16; good for the next sixteen calls. */
const wchar_t *wide(const char *name);

HANDLE open_with(const char *name, DWORD access, DWORD share, DWORD disposition, DWORD flags);

/* Wine cannot be asked for what it does not do itself. */
bool on_wine(void);

#endif
