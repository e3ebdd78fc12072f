/* cli/help.h - everything that is printed from the tables of commands and options. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/command.h"

/* For people on a terminal; command NULL: the program. */
void help_print(const struct command *command, struct buf *out);
void help_print_man(struct buf *out);
/* docs/reference/commands.md and exit-statuses.md. */
void help_print_commands(struct buf *out);
void help_print_exit_statuses(struct buf *out);
/* `shell` is "bash", "zsh" or "fish"; false: another. */
bool completion_print(const char *shell, struct buf *out);

#endif
