"""Several references of one subject: what they add where one picture hides part of the subject."""
