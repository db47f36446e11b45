"""Recipe of the model that ships with the station: made, measured and described by one command.

``python -m training.shipped --data FOLDER --work FOLDER`` reads the labelled fields, makes altered
copies, trains, calibrates, measures what the result table claims and writes the bundle. The recipe is
``recipe.toml`` beside this file.
"""
