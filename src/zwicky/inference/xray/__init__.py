"""How do photon counts weigh a cluster without a network? Luminosity, count rate and Y_X, calibrated on mocks."""
