/* ProcessPrng, by which Rust's standard library gets random numbers, for Wine 8 and older, which
 * lack it; Windows 8 and later have it. */
#include <windows.h>

#include <ntsecapi.h>

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
    return RtlGenRandom(buffer, (ULONG)length);
}
