/* cli/cli.h - the command line from argv to exit status: the one place where errors are reported.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

int cli_main(int argc, char **argv);

#endif
