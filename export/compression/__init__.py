"""Make a model's weights compress: zeros by pruning, few shared values by clustering.

| function         | what it does                                                              |
|------------------|---------------------------------------------------------------------------|
| `prune`          | sets the smallest weights to zero, now                                     |
| `pruning`        | does so step by step while a model trains                                  |
| `keep_sparsity`  | keeps zeros zero while a model trains                                      |
| `cluster`        | lets weights share few values, now                                         |
| `keep_clusters`  | keeps equal weights equal while a model trains; the shared values are learnt |

Nothing is wrapped and nothing is added to a model: zeros and equal values are in the weights
themselves, so a model is saved, loaded, exported and gone on with as any other. The last four act
within the compiled training step, on every backend of Keras, after the optimiser's own update.
`export.weigh` says what of it is in an exported file.
"""
