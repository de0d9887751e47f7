"""Number and date formats of the bank's languages, where Django's own differ from what a bank writes."""
