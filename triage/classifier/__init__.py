"""The classifier: text to category, with an honest probability and the words that weighed most.

Pure: numbers and text in, numbers and text out. `manage.py train_classifier` makes models, `triage.knowledge`
loads the one in use.
"""
