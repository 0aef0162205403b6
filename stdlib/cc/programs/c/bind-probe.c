/*
 * usage: bind-probe PORT COMMAND EXPERIMENT...
 *
 * Binds wildcard sockets of both families to one port, as servers do that take
 * every answer of getaddrinfo(), and tells what the system says to each.
 *
 * PORT 0 stands for one that is free in both families. COMMAND is run by sh
 * while the sockets are open, with the port in the environment. EXPERIMENT is a
 * list of words joined by commas: udp instead of tcp; reverse instead of the
 * order of getaddrinfo(); set0 or set1 for IPV6_V6ONLY instead of the default;
 * reuse for SO_REUSEADDR.
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_RESULTS 8

/* has tells whether a list of words joined by commas holds a word. */
static int
has(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (list != NULL) {
		if (*list == ',')
			list++;
		if (strncmp(list, word, length) == 0 &&
		    (list[length] == ',' || list[length] == '\0'))
			return 1;
		list = strchr(list, ',');
	}
	return 0;
}

static const char *
family_name(int family)
{
	return family == AF_INET6 ? "AF_INET6" : "AF_INET";
}

static void
complain(int family, const char *call)
{
	int number = errno;

	printf("%s %s: errno=%d %s\n", family_name(family), call, number,
	    strerror(number));
}

/* open_socket opens one that no other program inherits. */
static int
open_socket(int family, int type)
{
	int s = socket(family, type, 0);

	if (s >= 0)
		fcntl(s, F_SETFD, FD_CLOEXEC);
	return s;
}

static int
set_v6only(int s, int on)
{
	return setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, (void *)&on, sizeof(on));
}

/* try_port binds a socket of each family and lets go again. */
static int
try_port(int type)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	socklen_t length = sizeof(in);
	int s4, s6, port = -1;

	memset(&in, 0, sizeof(in));
	in.sin_family = AF_INET;
	if ((s4 = open_socket(AF_INET, type)) < 0)
		return 0;
	if (bind(s4, (struct sockaddr *)&in, sizeof(in)) == 0 &&
	    getsockname(s4, (struct sockaddr *)&in, &length) == 0)
		port = ntohs(in.sin_port);
	if (port > 0 && (s6 = open_socket(AF_INET6, type)) >= 0) {
		memset(&in6, 0, sizeof(in6));
		in6.sin6_family = AF_INET6;
		in6.sin6_port = htons(port);
		set_v6only(s6, 1);
		if (bind(s6, (struct sockaddr *)&in6, sizeof(in6)) != 0)
			port = -1;
		close(s6);
	}
	close(s4);
	return port;
}

static int
free_port(int type)
{
	int tries, port = -1;

	for (tries = 0; tries < 100 && port < 0; tries++)
		port = try_port(type);
	return port < 0 ? 0 : port;
}

/* place makes the socket for one answer of getaddrinfo(). */
static int
place(const struct addrinfo *a, const char *words)
{
	int family = a->ai_family;
	int yes = 1, only = -1, want;
	socklen_t length = sizeof(only);
	int s = open_socket(family, a->ai_socktype);

	if (s < 0) {
		complain(family, "socket");
		return -1;
	}
	if (has(words, "reuse"))
		setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (void *)&yes, sizeof(yes));
	if (family == AF_INET6) {
		getsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, (void *)&only, &length);
		printf("%s IPV6_V6ONLY default=%d\n", family_name(family), only);
		if (has(words, "set0") || has(words, "set1")) {
			want = has(words, "set1");
			if (set_v6only(s, want) != 0)
				complain(family, "IPV6_V6ONLY");
			else
				printf("%s IPV6_V6ONLY set to %d\n", family_name(family), want);
		}
	}
	if (bind(s, a->ai_addr, a->ai_addrlen) != 0) {
		complain(family, "bind");
		return s;
	}
	printf("%s bind: ok\n", family_name(family));
	if (a->ai_socktype != SOCK_STREAM)
		return s;
	if (listen(s, 5) != 0)
		complain(family, "listen");
	else
		printf("%s listen: ok\n", family_name(family));
	return s;
}

/* show runs the command while the sockets are open. */
static void
show(const char *command, const char *port)
{
	if (*command == '\0')
		return;
	setenv("port", port, 1);
	printf("-- shown\n");
	fflush(stdout);
	if (system(command) == -1)
		printf("system: %s\n", strerror(errno));
}

static int
experiment(const char *given, const char *command, const char *words)
{
	struct addrinfo hints, *list, *a, *order[MAX_RESULTS];
	int sockets[MAX_RESULTS];
	char port[16];
	int i, error, n = 0;

	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = has(words, "udp") ? SOCK_DGRAM : SOCK_STREAM;
	hints.ai_flags = AI_PASSIVE;
	snprintf(port, sizeof(port), "%s", given);
	if (strcmp(port, "0") == 0)
		snprintf(port, sizeof(port), "%d", free_port(hints.ai_socktype));

	printf("experiment %s port %s\n", words, port);
	if ((error = getaddrinfo(NULL, port, &hints, &list)) != 0) {
		fprintf(stderr, "getaddrinfo: %s\n", gai_strerror(error));
		return 1;
	}
	for (a = list; a != NULL && n < MAX_RESULTS; a = a->ai_next)
		order[n++] = a;
	printf("getaddrinfo: %d results\n", n);
	for (i = 0; i < n; i++)
		sockets[i] = place(order[has(words, "reverse") ? n - 1 - i : i], words);
	show(command, port);
	for (i = 0; i < n; i++)
		if (sockets[i] >= 0)
			close(sockets[i]);
	freeaddrinfo(list);
	return 0;
}

int
main(int argc, char **argv)
{
	int i;

	if (argc < 4) {
		fprintf(stderr, "usage: bind-probe PORT COMMAND EXPERIMENT...\n");
		return 2;
	}
	for (i = 3; i < argc; i++)
		if (experiment(argv[1], argv[2], argv[i]) != 0)
			return 1;
	return 0;
}
