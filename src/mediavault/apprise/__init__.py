"""Messages to the services that Apprise knows, sent by a confined child process."""
