"""
Who may come in: operators and their passwords, log-ins, cookies and tokens.
"""
