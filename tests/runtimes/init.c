/* The inits of the test images that no shell can be, in one static program;
 * the name that it is started by says which:
 *
 *   c-init          an init without a single handler, as most programs are
 *   c-init-handler  one that ends, with 0, on SIGTERM
 *   pause           a pod's sandbox: ends on SIGTERM or SIGINT, and reaps
 *   segv            no init: ends by a fault of its own
 *
 * CHILDREN=n in the environment gives the first two n children, which do nothing.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

static void reap(int signal)
{
	(void)signal;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void handle(int signal, void (*handler)(int))
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = handler;
	sigaction(signal, &action, NULL);
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc > 0 ? argv[0] : "";
	const char *children = getenv("CHILDREN");
	int left = children ? atoi(children) : 0;

	if (!strcmp(name, "segv"))
		*(volatile int *)8 = 1;
	if (!strcmp(name, "pause")) {
		handle(SIGTERM, leave);
		handle(SIGINT, leave);
		handle(SIGCHLD, reap);
		left = 0;
	}
	for (; left > 0; left--)
		if (fork() == 0)
			for (;;)
				pause();
	if (!strcmp(name, "c-init-handler"))
		handle(SIGTERM, leave);
	for (;;)
		pause();
}
