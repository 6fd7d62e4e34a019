"""The judge of a campaign: reads what the database, the targets and the campaign wrote, and knows none of our code."""
