"""What tools and files of a node say: one pure parser per tool, with captured outputs as test cases.

Everything that is parsed here was printed by a machine that may lie. A parser gives its value or raises PermanentError
`node_output_unreadable`, whatever it is given.
"""
