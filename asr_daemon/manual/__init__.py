"""Manual pages, completion and schema as files, made of what the program itself goes by."""
