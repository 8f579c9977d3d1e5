/* Calls that take plain words: `op NAME WORD...`; the table is in calls.c. */
#pragma once

/* 1 and the call's result when argv[1] names one of them with so many words; 0 otherwise. */
int run_call(int argc, char **argv, long *result);
