"""The one exception for mistakes a user can mend. Owns no other errors."""


class UserError(Exception):
    """A user's mistake, told in one clear message: what, where, what to do.

    Commands print the message to stderr without a traceback and exit with code 2.
    """
