/* cli/arguments.h - the command line into a struct call, by the tables of commands and options.
 *
 * Options may stand before or after the command; "--name value" and "--name=value" are the same;
 * "--" ends the options.  A URL with a password is overwritten in argv, so that it leaves the
 * process list, and warned about. */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include "cli/command.h"

/* call->arena is set by the caller.  ERR_USAGE says what is wrong and what may have been meant. */
CHECKED enum err_code arguments_parse(int argc, char **argv, struct call *call, struct err *err);

#endif
