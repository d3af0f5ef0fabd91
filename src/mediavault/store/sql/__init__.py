"""The SQL stores' operations, each written once; ``sqlite`` and ``postgres`` run them."""
