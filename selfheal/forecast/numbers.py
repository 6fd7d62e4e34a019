"""Every number of the forecast.

They were chosen on the simulator's own families (`benchmarks/simulator/families.py`, seeds 1 and 2), never on the
held-out ones; docs/decisions/forecast.md tells what else was tried. Counts are of 5-minute buckets where nothing else
is said.
"""

from selfheal.forecast.rows import DAY, HOUR

CHANGE_MEMORY = 3 * HOUR
"""How long the usual change between two values is remembered."""
JUMP_CHANGES = 5.0
"""So many usual changes away from the last three values is a jump, once the next value says so too."""
JUMP_SHARE = 0.02
"""Less than this share of the limit is no jump, however quiet the series."""
STEEP = 0.4
"""A second value that goes on by more than this share of the first step is a steep rise, not a jump."""
NEXT_STEP = 3 * HOUR
"""A jump up that follows another within this time, without a fall between them, goes on with its climb."""
PEAKS = 8
"""Heights that a series fell from, remembered."""
LONGEST_TOOTH = 5 * HOUR
"""Falls that come more often than this, alike in depth, are a collector's teeth."""
SMOOTHED = 5
"""Values that one of the smoothed series is the mean of."""
SWING = 2 * HOUR
"""The move that a shape of the day has to foretell better than no move does."""
SWING_MEMORY = DAY
"""Over how long that is judged."""
SHAPE_KNOWN = 3 * HOUR
"""It is believed after so many moves,"""
SHAPE_BETTER = 0.6
"""when its error is below this share of the error of expecting no move."""
SHAPE_FALLS = 3 * DAY
"""A series that fell at once within this time has no shape of the day: where it fells is no hour."""
FILLED = HOUR
"""A gap up to this long is filled with a straight line when the value behind it comes."""
WINDOW = 6 * HOUR
"""The longest look back of a line,"""
AHEAD = 3 * HOUR
"""and the longest look ahead with the shape of the day."""
BLOCK = HOUR // 2
"""The upper envelope is the highest value of two of these."""

HORIZON = 27.0
"""A breach that is nearer than this (2 h 15 min) is worth an alarm."""
NEED = 3
"""Votes of five."""
SURE = 3.0
"""A slope counts from so many of its standard errors."""
VERY_SURE = 10.0
"""Both short lines this sure need no other vote: a rise that is only two hours old."""
ABOVE = 1.7
"""The limit is reached by the line plus this many spreads: noise gets there first."""
PEAKS_SURE = 4.0
"""The same as `SURE` of a line through peaks: they are few."""
KNOWN_PEAKS = 2
"""From so many peaks below the limit it is known where a series turns."""
KNOWN_CHANGES = 2.0
"""Up to so many usual changes above them it is on known ground."""
LEFT_TEETH = 0.5
"""A rise by this share of a tooth above all peaks is no tooth."""
LATE_TOOTH = 1.6
"""So many of its longest recent intervals without a fall: the teeth have ended."""
FEW_VALUES = 8.0
"""Of values that come less often than so many buckets the two short lines have too few to vote: of the three others"""
FEW_NEED = 2
"""so many are enough."""
YOUNG = DAY
"""A younger series has shown no day yet: it takes four votes and a breach within"""
YOUNG_HORIZON = 8.0
"""40 minutes,"""
YOUNG_NEED = 4
OLD_ENOUGH = 3 * HOUR
"""and before this age there is no forecast."""
STALE = HOUR
"""Without a value for so long there is no forecast."""
PERSIST = 3
"""Values in a row that an alarm takes;"""
PERSIST_WITHIN = 5.0
"""where they come rarely only as many as come within so many buckets, at least one."""
CLEAR = HOUR
"""Cycles in a row without two votes that end one."""
ALIKE = 0.8
"""A rise of an earlier day by this share of today's explains it."""
LARGEST = 1e100
"""A value beyond this is no measurement; its square still is a number."""
ALIKE_CHANGES = 3.0
"""A rise within two hours below so many usual changes is not compared: noise rose as much on some day."""
