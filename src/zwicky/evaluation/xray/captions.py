"""What the figures of photon masses show, and what a good result looks like in them."""

from __future__ import annotations

from typing import Final

CAPTIONS: Final = {
    "Errors": (
        "Distribution of log10 M_predicted - log10 M_true of each method on the same clusters, and the Gaussian fitted "
        "to it; the legend gives its mean and, in percent of the mass, its width. Good: centred on zero, narrower "
        "than the core-excised luminosity. Wings beyond the fit do not count in it: see the standard deviation in the "
        "table. After Ntampaka et al. 2019."
    ),
    "Predicted against true mass": (
        "Good: the running median follows the dashed line. Flatter than the line: masses are pulled towards the middle "
        "of the training set."
    ),
    "Folds": (
        "Scatter of each fold, and of all rows together (line). Shaded: where the best fold lies (16 to 84 %) when the "
        "same clusters are dealt to folds at random. A best fold inside the band is no better than luck."
    ),
    "Which photons raise the mass": (
        "Above: change of the photons in each annulus when the image is moved up the gradient of the predicted mass, "
        "once and twice, after Ntampaka et al. 2019. Below: the same per area, by which the core is judged. A sum of "
        "all photons, which excises nothing, is small at the centre above and flat below. Bands: 68 % bootstrap over "
        "clusters. Good: close to zero left of the dashed line in both."
    ),
    "What makes the mass": (
        "Integrated gradients: the part of the answer that the photons of each annulus make. Bars: 68 % bootstrap over "
        "clusters. Good: little left of the dashed line."
    ),
    "Masked cores": (
        "Mean shift of the predicted mass (above) and its scatter (below) when the core is replaced by the mean of the "
        "ring around it. Good: no shift up to the dashed line. A network that reads the core says less and less."
    ),
    "Predicted and actual errors": (
        "Clusters in bins of equally many, from small predicted errors to large: standard deviation of the residuals "
        "against the mean predicted one. Good: on the line, and not in one place. Bars: 68 % bootstrap over clusters."
    ),
    "Redshift noise": (
        "Scatter with noise on the redshift over that without, on the same clusters. Bars: 68 % bootstrap over "
        "clusters. Open: Krippendorf et al. 2024, table C.1."
    ),
}
"""By title."""


CARD_CAPTIONS: Final = {
    "Less scatter than the others": (
        "Scatter of the network over that of each other method on the same clusters. Bars: 68 and 95 % bootstrap over "
        "clusters. Good: left of the dashed line, where the network scatters less."
    ),
    "Scatter in bins": (
        "Standard deviation of the residuals of each method. Bars: 68 % bootstrap over clusters; none where clusters "
        "are few. Bins of one image are not drawn."
    ),
    "Coverage by S/N": (
        "How often the intervals of 68 % (filled) and 95 % (open) hold the truth, in bins of the S/N of the classical "
        "measurement. Bars: 68 % bootstrap over clusters. Good: on the dashed lines; grey: within 3 points of them. "
        "Points without a bar are of few clusters."
    ),
    "Scatter against counts": (
        "Standard deviation of the residuals when the same kind of clusters is seen with so many photons. Bars: 68 % "
        "bootstrap over clusters. Good: the network falls with the photons, and is below the classical mass."
    ),
    "Training": (
        "Good: both curves fall and level off together. A validation loss that rises again is overfitting."
    ),
}
"""By title, of the figures that are drawn from a scorecard alone."""
