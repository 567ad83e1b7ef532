"""A look inside one edit: a page that shows what was heard, asked for and done."""
