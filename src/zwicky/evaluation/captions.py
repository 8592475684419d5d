"""What the standard figures of the report show, and what a good result looks like in them."""

from __future__ import annotations

from typing import Final

CAPTIONS: Final = {
    "Predicted against true mass": (
        "Good: the running median follows the dashed line. A median flatter than the line pulls masses "
        "towards the middle of the training set. A lift at the low-mass end is partly the cut: faint "
        "clusters enter the sample only when noise makes them brighter."
    ),
    "Residuals": (
        "Good: medians at zero, narrow bands. A trend with redshift or S/N is an error that a "
        "cosmological analysis would take for signal."
    ),
    "Scatter in bins": (
        "Good: the network lies below the classical relation. Bars are 95 % bootstrap intervals. Where "
        "bars overlap the methods may still differ, because both see the same clusters: the tables above "
        "give the paired difference."
    ),
    "Calibration": (
        "Good: the points lie on the diagonal, inside the grey band. Above it at low levels and below it "
        "at high ones: error bars too small. The other way round: too large. Above it everywhere: masses "
        "too high."
    ),
    "Coverage in bins": (
        "Good: 68 % in each bin. The grey band is five points wide on either side; below it error bars "
        "are too small, above it too large. Bars are 95 % bootstrap intervals."
    ),
    "Pulls": (
        "Good: the histogram lies on the dashed unit Gaussian. Wider: error bars too small. Narrower: too "
        "large. Shifted: bias. Wings: outliers that the error bars do not know of."
    ),
    "Example maps": (
        "What the methods are given. Good: the cluster sits at the centre, and beam and noise look as "
        "expected."
    ),
    "Learning curve": (
        "Good: both curves fall and level off together. A validation loss that rises again is overfitting."
    ),
}
"""By title."""
