"""The Lambdas: their code as a bundle, and a component for each job."""
